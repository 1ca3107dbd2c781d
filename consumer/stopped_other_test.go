//go:build !unix

package consumer_test

import "errors"

// processUntilStopped is for systems on which a process can be stopped.
func processUntilStopped(string) error { return errors.ErrUnsupported }
