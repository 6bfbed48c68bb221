//go:build !linux

package goroutine

import (
	"net"
	"time"
)

// hungUp is false where the kernel is not asked.
func hungUp(net.Conn) bool { return false }

// unacknowledged is 0 where the kernel is not asked.
func unacknowledged(net.Conn) time.Duration { return 0 }
