// Package metrics is a leaf.
package metrics

// Counts are plain values.
type Counts struct{ Puts int }
