"""Sessions on people's servers: `call` is the live call, each other module puts it on one WebSocket library."""
