#!/usr/bin/env bash
echo "count=3" >>"$RECONCILER_OUTPUT"
