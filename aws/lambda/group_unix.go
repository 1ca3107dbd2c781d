//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// group has a command killed with all that it has started.
func group(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
