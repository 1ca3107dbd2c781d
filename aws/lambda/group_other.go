//go:build !unix

package lambda

import "os/exec"

// group leaves it at killing the command alone.
func group(*exec.Cmd) {}
