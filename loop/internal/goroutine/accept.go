package goroutine

import (
	"errors"
	"net"
	"time"
)

// acceptPause is how long a loop does not accept after accept has failed.
const acceptPause = 20 * time.Millisecond

// accept accepts for one loop, which gets one connection at a time. While
// accept fails, for lack of descriptors or memory, connections wait in the
// kernel's queue.
func (e *Engine) accept(loop int) {
	for {
		nc, err := e.listener.Accept()
		switch {
		case err == nil:
			e.accepts.Succeeded()
			SetBuffers(nc, e.cfg.SocketRecvBuffer, e.cfg.SocketSendBuffer)
			e.cfg.Host.Accepted(loop, nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			e.accepts.Failed(err)
			select {
			case <-time.After(acceptPause):
			case <-e.halted:
				return
			}
		}
	}
}

// SetBuffers sets the kernel's buffer sizes of a TCP connection; 0 leaves them.
func SetBuffers(nc net.Conn, recv, send int) {
	tc, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	if recv > 0 {
		_ = tc.SetReadBuffer(recv)
	}
	if send > 0 {
		_ = tc.SetWriteBuffer(send)
	}
}
