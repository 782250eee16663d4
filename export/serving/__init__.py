"""Around TF Serving: client, warm-up, configuration, a server for tests."""
