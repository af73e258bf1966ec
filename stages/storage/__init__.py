"""What is shared through a remote is what was made: an S3 server to try it on, checks, repair, and signed manifests."""
