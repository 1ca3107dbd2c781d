//go:build !unix

package bench

import "time"

// cpuTime returns zero: it is not known.
func cpuTime() time.Duration { return 0 }
