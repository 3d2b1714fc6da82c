"""Files of finished jobs as objects of an S3 bucket: names, keys, signatures, and who uploads."""
