package loop

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"runtime"
	"time"

	"github.com/sioserver/sioserver/loop/safelog"
)

const (
	defaultMaxQueued = 16 << 20
	// defaultMaxQueuedTotal is a gigabyte where an int holds more.
	defaultMaxQueuedTotal = 1 << 30
	maxLoops              = 1024

	defaultHandshakeTimeout = 30 * time.Second
	defaultMaxTLSHandshakes = 1024
	defaultMaxTLSBuffered   = 64 << 20
)

// Config configures Listen and Start. With its zero value Listen listens on a
// free port of all addresses, with one loop for each processor.
type Config struct {
	// Addr is "host:port" or, for a unix socket, "unix:/path" or "unix:@name".
	// Without a host the port is open for IPv4 and IPv6; port 0, like an empty
	// Addr, picks a free one (see Engine.Addr). A socket at the path is replaced
	// if no process listens on it, and removed when the engine ends.
	Addr string
	// SocketMode has the permissions of the paths of unix sockets; 0 leaves
	// them to the process's umask.
	SocketMode fs.FileMode
	// Loops is the number of event loops; 0 means GOMAXPROCS.
	Loops int
	// MaxConnections is the number of connections above which new ones are
	// closed at once and counted as rejected; 0 means no limit but that of
	// RLIMIT_NOFILE, which always holds.
	MaxConnections int
	// MaxQueued is the number of bytes that may be queued for one connection
	// before Conn.Send returns true; 0 means 16 MiB. If HardBound times as many
	// would be behind the first frame, which may have any size, the connection
	// is closed with ErrOverflow.
	MaxQueued int
	// MaxQueuedTotal is the number of bytes that may be queued for all blocked
	// connections before the functions of Loop.OnFull are called; 0 means
	// 1 GiB. Each loop has an equal share. A frame counts once for each
	// connection that it is queued for.
	MaxQueuedTotal int
	// TLS, when set, encrypts the connections of Listen and Engine.Listen: see
	// [NewTLS]. For others see Engine.ServeTLS and AdoptOptions.
	TLS *tls.Config
	// HandshakeTimeout is how long a TLS handshake may take, from the
	// connection's beginning; 30 s when 0.
	HandshakeTimeout time.Duration
	// MaxTLSHandshakes is how many TLS handshakes may run at a time, each with
	// a goroutine; 1,024 when 0. Others wait for one to end, in turn by
	// address; one address (of IPv6 the first 64 bits) has at most a quarter of
	// them. A handshake runs from the complete first message of the client to
	// its last one. Half of GOMAXPROCS compute at a time.
	MaxTLSHandshakes int
	// MaxTLSBuffered is how many bytes all connections together may hold of TLS
	// records, and of the first messages of handshakes, that are not complete;
	// 64 MiB when 0. Each loop has an equal share. Beyond it, the connection
	// that has waited longest for the rest is closed and counted as evicted.
	MaxTLSBuffered int
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
		{"MaxTLSHandshakes", c.MaxTLSHandshakes, 1 << 20},
		{"MaxTLSBuffered", c.MaxTLSBuffered, min(1<<50, math.MaxInt)},
		{"SocketRecvBuffer", c.SocketRecvBuffer, 1 << 30},
		{"SocketSendBuffer", c.SocketSendBuffer, 1 << 30},
	} {
		if f.value < 0 || f.value > f.max {
			return c, fmt.Errorf("loop: Config.%s is %d, must be in [0, %d]", f.name, f.value, f.max)
		}
	}
	if c.HandshakeTimeout < 0 {
		return c, fmt.Errorf("loop: Config.HandshakeTimeout is %v, must not be negative", c.HandshakeTimeout)
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshakeTimeout
	}
	if c.MaxTLSHandshakes == 0 {
		c.MaxTLSHandshakes = defaultMaxTLSHandshakes
	}
	if c.MaxTLSBuffered == 0 {
		c.MaxTLSBuffered = defaultMaxTLSBuffered
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
