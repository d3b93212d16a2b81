"""When jobs are due: fire times, clock changes, misfires, forecasts. Values in, values out; nothing here waits."""
