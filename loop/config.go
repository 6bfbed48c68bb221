package loop

import (
	"fmt"
	"log/slog"
	"math"
	"runtime"

	"github.com/sioserver/sioserver/loop/safelog"
)

const (
	defaultMaxQueued = 16 << 20
	// defaultMaxQueuedTotal is a gigabyte where an int holds more.
	defaultMaxQueuedTotal = 1 << 30
	maxLoops              = 1024
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
	// outbox before Conn.Send reports it; 0 means 16 MiB. When HardBound times as
	// many are behind the first frame, which may have any size, the connection is
	// closed with ErrOverflow.
	MaxQueued int
	// MaxQueuedTotal is the number of bytes that may wait for all peers that
	// don't take them, before the functions of Loop.OnFull are called; 0 means
	// 1 GiB. Each loop has its equal share. A frame counts for each
	// connection that it waits in.
	MaxQueuedTotal int
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
		{"MaxQueued", c.MaxQueued, min(1<<40, math.MaxInt/HardBound)},
		{"MaxQueuedTotal", c.MaxQueuedTotal, min(1<<50, math.MaxInt)},
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
	if c.MaxQueuedTotal == 0 {
		c.MaxQueuedTotal = defaultMaxQueuedTotal
	}
	c.Logger = safelog.Wrap(c.Logger)
	return c, nil
}
