//go:build !unix

package pipe

import "os/exec"

func shield(*exec.Cmd) {}
