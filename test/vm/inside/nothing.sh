# Does nothing: to see whether a machine boots.
