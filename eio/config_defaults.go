package eio

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop/safelog"
)

// The defaults that package sio has too.
const (
	DefaultMaxHTTPBufferSize = 1_000_000
	DefaultMaxSessions       = 1_000_000
	DefaultMaxQueued         = 16 << 20
)

const (
	polling   = "polling"
	webSocket = "websocket"
)

const (
	// longest and largest are the greatest durations and sizes; greater ones
	// are lowered to them, so that sums and small multiples don't overflow.
	longest = 1 << 60 // ns, 36 years
	largest = 1 << 50 // bytes
	// maxSilence is the longest time that a client's timer can have, 2^31-1 ms:
	// a longer one would expire at once.
	maxSilence = math.MaxInt32 * time.Millisecond
)

// withDefaults checks cfg and fills in the default of each field that is not
// set. What it changes behind a pointer it copies first: that is the caller's.
func (cfg *Config) withDefaults() error {
	if cfg.Path == "" {
		cfg.Path = "/engine.io/"
	}
	if err := checkPath(cfg.Path); err != nil {
		return err
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		unset time.Duration
	}{
		{"PingInterval", &cfg.PingInterval, 25 * time.Second},
		{"PingTimeout", &cfg.PingTimeout, 20 * time.Second},
		{"UpgradeTimeout", &cfg.UpgradeTimeout, 10 * time.Second},
		{"RequestTimeout", &cfg.RequestTimeout, 30 * time.Second},
		{"IdleTimeout", &cfg.IdleTimeout, 75 * time.Second},
		{"SlowTimeout", &cfg.SlowTimeout, cmp.Or(cfg.PingTimeout, 20*time.Second)},
	} {
		if *d.value == 0 {
			*d.value = d.unset
		}
		if *d.value < time.Millisecond {
			return fmt.Errorf("eio: Config.%s is %v; it must be at least 1ms, or 0 for %v", d.name, *d.value, d.unset)
		}
		*d.value = min(*d.value, longest)
	}
	if silence := cfg.PingInterval + cfg.PingTimeout; silence > maxSilence {
		return fmt.Errorf("eio: Config.PingInterval and PingTimeout are %v and %v; together they must be at most %v, as clients' timers can't be longer",
			cfg.PingInterval, cfg.PingTimeout, maxSilence)
	}
	if cfg.DestroyUpgradeTimeout == 0 {
		cfg.DestroyUpgradeTimeout = time.Second
	}
	cfg.DestroyUpgradeTimeout = min(cfg.DestroyUpgradeTimeout, longest)
	memory := memoryPart(debug.SetMemoryLimit(-1))
	if err := cmp.Or(
		setDefault(&cfg.MaxHTTPBufferSize, "Config.MaxHTTPBufferSize", DefaultMaxHTTPBufferSize, "1000000"),
		setDefault(&cfg.MaxSessions, "Config.MaxSessions", DefaultMaxSessions, "1000000"),
		setDefault(&cfg.MaxReceiving, "Config.MaxReceiving", memory, "an eighth of GOMEMLIMIT or 256 MiB"),
		setDefault(&cfg.MaxHandshakeBytes, "Config.MaxHandshakeBytes", memory, "an eighth of GOMEMLIMIT or 256 MiB"),
		setDefault(&cfg.MaxQueued, "Config.MaxQueued", DefaultMaxQueued, "16 MiB"),
		setDefault(&cfg.MaxCallbacks, "Config.MaxCallbacks", 1<<16, "65536"),
	); err != nil {
		return err
	}
	if cfg.Loops == 0 {
		cfg.Loops = min(runtime.GOMAXPROCS(0), maxLoops)
	}
	if cfg.Loops < 0 || cfg.Loops > maxLoops {
		return fmt.Errorf("eio: Config.Loops is %d; it must be between 1 and %d, or 0 for GOMAXPROCS", cfg.Loops, maxLoops)
	}
	if cfg.HTTPCompression == 0 {
		cfg.HTTPCompression = defaultThreshold
	}
	if d := cfg.PerMessageDeflate; d != nil {
		own := *d
		cfg.PerMessageDeflate = &own
		if own.Threshold < 0 {
			return fmt.Errorf("eio: Config.PerMessageDeflate.Threshold is %d; it must be positive, CompressAll for all messages, or 0 for %d",
				own.Threshold, defaultThreshold)
		}
		cfg.PerMessageDeflate.Threshold = cmp.Or(own.Threshold, defaultThreshold)
	}
	if cfg.Transports == nil {
		cfg.Transports = []string{polling, webSocket}
	}
	for _, name := range cfg.Transports {
		if name != polling && name != webSocket {
			return fmt.Errorf("eio: Config.Transports has %q; allowed are %q and %q", name, polling, webSocket)
		}
	}
	if len(cfg.Transports) == 0 {
		return fmt.Errorf("eio: Config.Transports is empty; leave it nil for %q and %q", polling, webSocket)
	}
	if err := checkPrefixes("Config.TrustedProxies", cfg.TrustedProxies); err != nil {
		return err
	}
	if cfg.AddressField != "" && !http1.IsToken([]byte(cfg.AddressField)) {
		return fmt.Errorf("eio: Config.AddressField is %q; it must be the name of a header field, or empty for X-Forwarded-For and Forwarded", cfg.AddressField)
	}
	if p := cfg.ProxyProtocol; p != nil {
		own := *p
		cfg.ProxyProtocol = &own
		if err := cfg.ProxyProtocol.withDefaults(); err != nil {
			return err
		}
	}
	for i, m := range cfg.Middleware {
		if m == nil {
			return fmt.Errorf("eio: Config.Middleware[%d] is nil; it must be a function", i)
		}
	}
	for name, h := range cfg.Static {
		if h == nil {
			return fmt.Errorf("eio: Config.Static[%q] is nil; it must be a handler", name)
		}
	}
	if c := cfg.CORS; c != nil {
		own := *c
		cfg.CORS = &own
		if err := cfg.CORS.withDefaults(cfg.Origins); err != nil {
			return err
		}
	}
	if c := cfg.Cookie; c != nil {
		own := *c
		cfg.Cookie = &own
		cfg.Cookie.withDefaults()
	}
	if f := cfg.Forwarding; f != nil {
		own := *f
		cfg.Forwarding = &own
		if err := cfg.Forwarding.withDefaults(); err != nil {
			return err
		}
		if cfg.GenerateID != nil {
			return errors.New("eio: Config.GenerateID and Forwarding are set; sids that tell their node must be the server's own")
		}
	}
	if cfg.Fallback == nil {
		cfg.Fallback = http.NotFoundHandler()
	}
	cfg.Logger = safelog.Wrap(cfg.Logger)
	return nil
}

// setDefault gives *value, the field called name, its default when it is 0, and
// lowers what is beyond largest. A negative value is an error, which names the
// default as unset says.
func setDefault[N int | int64](value *N, name string, def N, unset string) error {
	if *value == 0 {
		*value = def
	}
	if *value < 0 {
		return fmt.Errorf("eio: %s is %d; it must be positive, or 0 for %s", name, *value, unset)
	}
	*value = N(min(int64(*value), largest))
	return nil
}

// prefix returns what the targets of the engine begin with.
func (cfg *Config) prefix() string {
	path := strings.TrimSuffix(cfg.Path, "/")
	if cfg.NoTrailingSlash {
		return path
	}
	return path + "/"
}

// memoryPart returns the default of MaxReceiving and MaxHandshakeBytes for a
// memory limit, which is math.MaxInt64 for none.
func memoryPart(memoryLimit int64) int64 {
	if memoryLimit == math.MaxInt64 {
		return 256 << 20
	}
	return max(memoryLimit/8, 1<<20)
}

// maxFrames returns the largest number of frames in a WebSocket message.
// Clients that fragment use fragments of a kilobyte or more.
func (cfg *Config) maxFrames() uint32 {
	const least, bytes = 4096, 256
	return uint32(min(max(cfg.MaxHTTPBufferSize/bytes, least), math.MaxUint32))
}

func (cfg *Config) enabled(transport string) bool {
	return slices.Contains(cfg.Transports, transport)
}

// upgrades returns what the open packet of a polling session offers.
func (cfg *Config) upgrades() []string {
	if cfg.NoUpgrades || !cfg.enabled(webSocket) {
		return nil
	}
	return []string{webSocket}
}
