//go:build !unix

package kinesistest_test

import "time"

// processorTime is not known.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
