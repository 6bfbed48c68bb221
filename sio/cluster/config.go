package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/sioserver/sioserver/loop/safelog"
)

// Config says how a [Node] behaves. The zero value is that of the reference's
// adapters. Immutable after New.
type Config struct {
	// RequestTimeout is how long the answers of other nodes are awaited when the
	// caller's context has no deadline; 5 s when 0. An answer that comes in parts may
	// take longer: then it is how long none may come, and all may take 20 times as long.
	RequestTimeout time.Duration
	// AckTimeout is how long the acknowledgements of other nodes' clients are awaited
	// when the caller's context has no deadline, and at most those that another
	// node asks for; 1 minute when 0.
	AckTimeout time.Duration
	// HeartbeatInterval is after how long without a message a node tells that it is
	// alive, HeartbeatTimeout after how long without one it is taken for dead; 5 s
	// and 10 s when 0. Only for a bus that is no Counter.
	HeartbeatInterval, HeartbeatTimeout time.Duration
	// UID makes the node's name, and the ids of its requests, which must be unlike
	// all others in the cluster; 16 random hexadecimal digits when nil.
	UID func() string
	// Handlers is how many handlers for ServerSideEmit run at once; 64 when 0.
	Handlers int
	// MaxQueued is how many events from other nodes wait for a handler, and how many
	// of their requests for sockets wait for an answer, before further ones are
	// dropped; 1,024 when 0.
	MaxQueued int
	// MaxRequests is how many requests may wait for answers before further ones fail,
	// and for how many broadcasts of other nodes acknowledgements are collected before
	// further ones are dropped; 10,000 when 0.
	MaxRequests int
	// MaxAnswerBytes is about how many bytes of answers are held for requests that
	// wait for more, all together. A request for whose answers there is no room fails with
	// [ErrAnswersTooLarge]. As many bytes of this server's answers may wait for other nodes
	// to take them before further ones are dropped. 256 MiB when 0.
	MaxAnswerBytes int
	// Logger is told of lost and regained connections, new and lost nodes;
	// slog.Default() when nil.
	Logger *slog.Logger
}

// Validate returns the error that New would return because of c. It does not call UID.
func (c Config) Validate() error {
	_, err := c.withDefaults()
	return err
}

// withDefaults checks c and fills in the defaults.
func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		name  string
		value *time.Duration
		is    time.Duration
	}{
		{"RequestTimeout", &c.RequestTimeout, 5 * time.Second},
		{"AckTimeout", &c.AckTimeout, time.Minute},
		{"HeartbeatInterval", &c.HeartbeatInterval, 5 * time.Second},
		{"HeartbeatTimeout", &c.HeartbeatTimeout, 10 * time.Second},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("cluster: Config.%s is %v, must not be negative", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	if c.HeartbeatTimeout <= c.HeartbeatInterval {
		return c, fmt.Errorf("cluster: Config.HeartbeatTimeout is %v, must be above HeartbeatInterval, %v", c.HeartbeatTimeout, c.HeartbeatInterval)
	}
	for _, d := range []struct {
		name  string
		value *int
		is    int
	}{
		{"Handlers", &c.Handlers, 64},
		{"MaxQueued", &c.MaxQueued, 1024},
		{"MaxRequests", &c.MaxRequests, 10_000},
		{"MaxAnswerBytes", &c.MaxAnswerBytes, 256 << 20},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("cluster: Config.%s is %d, must not be negative", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	if c.UID == nil {
		c.UID = NewUID
	}
	c.Logger = safelog.Wrap(c.Logger)
	return c, nil
}

// NewUID is 16 random hexadecimal digits, as the reference's ids. Safe for
// concurrent use.
func NewUID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return hex.EncodeToString(b[:])
}
