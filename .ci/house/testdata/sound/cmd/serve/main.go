// Serve is a program.
package main

import "example.com/weir/client"

func main() { _ = client.Open("orders") }
