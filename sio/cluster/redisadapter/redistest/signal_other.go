//go:build !unix

package redistest

import "syscall"

// Signals that such systems do not know: the server goes on.
const stop, resume = syscall.Signal(0x13), syscall.Signal(0x12)
