//go:build !linux

package goals_test

import (
	"testing"
	"time"
)

// queuedTime is not known here.
func queuedTime(testing.TB) time.Duration { return 0 }
