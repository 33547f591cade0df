"""The Soundcharts HTTP API: account, endpoint table, client, limiter and the shapes of its answers."""
