package flagval

import (
	"fmt"
	"time"

	"github.com/weirstream/weir"
)

// A Sync says when a stream on disk is written, as [weir.Config.Sync] does.
type Sync struct {
	Value *time.Duration
	Max   time.Duration // inclusive
}

const syncAlways, syncNever = "always", "never"

// Set takes "always", "never" or a time.
func (f Sync) Set(s string) error {
	switch s {
	case syncAlways:
		*f.Value = 0
		return nil
	case syncNever:
		*f.Value = weir.SyncNever
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > f.Max {
		return fmt.Errorf("must be %s, %s, or a time above 0s and up to %v, such as 100ms", syncAlways, syncNever, f.Max)
	}
	*f.Value = d
	return nil
}

// String returns the value as Set takes it.
func (f Sync) String() string {
	switch {
	case f.Value == nil || *f.Value == 0:
		return syncAlways
	case *f.Value == weir.SyncNever:
		return syncNever
	default:
		return f.Value.String()
	}
}

// Type returns what help calls the value.
func (f Sync) Type() string { return "TIME" }
