// Command weir runs streams from the command line.
package main

func main() {}
