package weir

// long is a function of more lines than it may have, in a file of more lines.
func long() int {
	n := 0
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	n++
	// This comment is as wide as it may be, to the very last of its columns. 345678
	// This comment is wider than it may be, by one column, which is one too many. 81
	return n
}
