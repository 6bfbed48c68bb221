package cluster

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/sioserver/sioserver/loop/safelog"
)

// Config configures a [Node]. The zero value is the documented defaults. It
// must not be changed after New.
type Config struct {
	// RequestTimeout is how long a request waits for the answers of other nodes
	// if its context has no deadline; 5 s when 0. Each part of an answer begins
	// the time again, for 20 times as long in all.
	RequestTimeout time.Duration
	// AckTimeout is how long a broadcast waits for the acknowledgements of
	// other nodes' clients if its context has no deadline, and the longest time
	// for which this node collects acknowledgements for another one; 1 minute
	// when 0.
	AckTimeout time.Duration
	// HeartbeatInterval is after how long without a message a node sends a
	// heartbeat; 5 s when 0. HeartbeatTimeout is after how long without a
	// message it is taken for dead; 10 s when 0. Both are unused if the bus is
	// a [Counter].
	HeartbeatInterval, HeartbeatTimeout time.Duration
	// UID returns the node's name and the ids of its requests. Each result must
	// be unique in the cluster. When nil they are 16 random hexadecimal digits.
	UID func() string
	// Handlers is how many handlers of ServerSideEmit run at once; 64 when 0.
	Handlers int
	// MaxQueued bounds the events of other nodes that wait for a handler, and
	// their requests for sockets that wait; 1,024 when 0. Further ones are
	// dropped.
	MaxQueued int
	// MaxRequests bounds the requests of this node that wait for answers, and
	// the broadcasts of other nodes that wait for acknowledgements; 10,000 when
	// 0. Further requests fail, further broadcasts are dropped.
	MaxRequests int
	// MaxAnswerBytes bounds, approximately, the bytes of answers that all
	// requests together hold, and the bytes of this node's answers that wait
	// for other nodes; 256 MiB when 0. A request beyond it fails with
	// [ErrAnswersTooLarge], further answers are dropped.
	MaxAnswerBytes int
	// Logger gets records about lost and restored connections, and new and lost
	// nodes; slog.Default() when nil.
	Logger *slog.Logger
}

// Validate returns the error that New would return for c. It does not call UID.
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
			return c, fmt.Errorf("cluster: Config.%s is %v; it must not be negative", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.is
		}
	}
	if c.HeartbeatTimeout <= c.HeartbeatInterval {
		return c, fmt.Errorf("cluster: Config.HeartbeatTimeout is %v; it must be above HeartbeatInterval, %v", c.HeartbeatTimeout, c.HeartbeatInterval)
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
			return c, fmt.Errorf("cluster: Config.%s is %d; it must not be negative", d.name, *d.value)
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

// NewUID returns 16 random hexadecimal digits, as the reference's ids. Safe for
// concurrent use.
func NewUID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: see its documentation
	return hex.EncodeToString(b[:])
}
