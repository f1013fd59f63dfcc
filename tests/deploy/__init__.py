"""What brings the agent to a machine: image, compose file, provisioning, and the scripts that leave text files."""
