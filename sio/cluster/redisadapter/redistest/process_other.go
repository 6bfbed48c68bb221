//go:build !linux

package redistest

import "syscall"

// endsWithParent is not possible on every system.
func endsWithParent() *syscall.SysProcAttr { return nil }
