package loop

import (
	"fmt"
	"log/slog"
	"runtime"

	"github.com/sioserver/sioserver/loop/safelog"
)

const (
	defaultMaxQueued = 16 << 20
	maxLoops         = 1024
)

// Config is what Listen and Start need. With its zero value Listen listens on a
// free port of all addresses, with one loop per processor.
type Config struct {
	// Addr is "host:port". Without a host the port is open for IPv4 and IPv6;
	// port 0, like an empty Addr, picks a free one (see Engine.Addr).
	Addr string
	// Loops is the number of event loops; 0 means GOMAXPROCS.
	Loops int
	// MaxConnections is the number of connections above which new ones are
	// closed at once and counted as rejected; 0 leaves only the limit that
	// RLIMIT_NOFILE sets, which always holds.
	MaxConnections int
	// MaxQueued is the number of bytes that may wait in one connection's
	// outbox before it is closed with ErrOverflow; 0 means 16 MiB. One frame
	// alone may be larger.
	MaxQueued int
	// Logger receives panics at error level and the transport's diagnostics at
	// debug level; nil means slog.Default().
	Logger *slog.Logger
	// SocketRecvBuffer and SocketSendBuffer are the kernel's buffer sizes in
	// bytes; 0 leaves them to the kernel.
	SocketRecvBuffer, SocketSendBuffer int
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"Loops", c.Loops, maxLoops},
		{"MaxConnections", c.MaxConnections, 1 << 30},
		{"MaxQueued", c.MaxQueued, 1 << 40},
		{"SocketRecvBuffer", c.SocketRecvBuffer, 1 << 30},
		{"SocketSendBuffer", c.SocketSendBuffer, 1 << 30},
	} {
		if f.value < 0 || f.value > f.max {
			return c, fmt.Errorf("loop: Config.%s is %d, must be in [0, %d]", f.name, f.value, f.max)
		}
	}
	if c.Loops == 0 {
		c.Loops = runtime.GOMAXPROCS(0)
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = defaultMaxQueued
	}
	c.Logger = safelog.Wrap(c.Logger)
	return c, nil
}
