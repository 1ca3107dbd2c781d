//go:build unix

package pipe

import (
	"os/exec"
	"syscall"
)

// shield makes a process group of the command, which the terminal's ctrl-C does
// not reach: it is to finish what it has in hand. It is killed as a whole.
func shield(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
