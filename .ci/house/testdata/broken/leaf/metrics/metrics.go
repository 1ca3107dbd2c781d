// Package metrics is no leaf any more.
package metrics

import "example.com/weir/internal/part"

// Counts are no plain values.
type Counts struct{ Puts part.Part }
