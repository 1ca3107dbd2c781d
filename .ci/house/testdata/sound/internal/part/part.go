// Package part is below the root.
package part

// A Part is one.
type Part int
