package redistest

import "syscall"

// endsWithParent has the system end the server when its thread ends.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
