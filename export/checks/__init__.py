"""What an exported file keeps of its model, and how fast it is."""
