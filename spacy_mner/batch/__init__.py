"""Labels the posts of many files: on one machine or on a Ray cluster, and again from where it stopped."""
