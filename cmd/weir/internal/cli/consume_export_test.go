package cli

// Watch is what weir consume tells of a command that is silent.
var Watch = watch
