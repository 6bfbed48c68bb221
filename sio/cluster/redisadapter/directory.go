package redisadapter

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/safelog"
	"github.com/sioserver/sioserver/sio/cluster"
)

// DirectoryConfig configures a [Directory].
type DirectoryConfig struct {
	// Addr is the "host:port" at which the other nodes reach this one by plain
	// HTTP. It must be set, and be unique.
	Addr string
	// Key is the key of the list of nodes; "sioserver:nodes" when empty. All
	// nodes must have the same.
	Key string
	// Life is how long a node stays listed after its last announcement; 15 s
	// when 0. A node announces itself three times in that time.
	Life time.Duration
	// Logger gets records about lost and restored connections, and about
	// another node with the same Addr; slog.Default() when nil.
	Logger *slog.Logger
}

func (cfg *DirectoryConfig) withDefaults() error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil || host == "" || port == "" || port == "0" || strings.ContainsAny(cfg.Addr, " \t\r\n") {
		return fmt.Errorf("redisadapter: DirectoryConfig.Addr is %q; it must be the host:port at which other nodes reach this one", cfg.Addr)
	}
	orDefault(&cfg.Key, "sioserver:nodes")
	orDefault(&cfg.Life, 15*time.Second)
	if cfg.Life < 10*time.Millisecond || cfg.Life > maxLife {
		return fmt.Errorf("redisadapter: DirectoryConfig.Life is %v; it must be between 10ms and %v, or 0 for 15s", cfg.Life, maxLife)
	}
	if len(cfg.Addr) > maxAddr {
		return fmt.Errorf("redisadapter: DirectoryConfig.Addr has %d bytes; it may have %d", len(cfg.Addr), maxAddr)
	}
	cfg.Logger = safelog.Wrap(cfg.Logger)
	return nil
}

const (
	maxKnown     = 1 << 16                // remembered nodes
	maxWaiting   = 256                    // lookups that may wait
	listingPause = 50 * time.Millisecond  // between two requests for the list
	listingTime  = time.Second            // limit of one page
	pageCount    = 256                    // entries of a page, about
	maxAddr      = 300                    // bytes of an address
	maxEntry     = 400                    // bytes of an entry, with its time and token
	maxLife      = 24 * time.Hour         // of an entry
	maxNode      = 1 << 24                // bound of node numbers
	afterFailure = 500 * time.Millisecond // until the next request after a failure
)

// Directory is the list of the nodes of a cluster and their addresses: an
// eio.Directory for sio.Config.Forwarding. Safe for concurrent use.
//
// All nodes are in one hash. Each request to Redis announces this node and
// returns the other ones, in pages of about 256. Entries that are malformed,
// longer than 400 bytes or valid for more than a day are removed and counted.
// 65,536 live entries are remembered, further ones are counted.
//
// So an unknown number costs no request of its own: all lookups of unknown
// nodes share one, there are at most 20 requests a second, and 256 lookups may
// wait. Further lookups report at once that there is no such node. The rejected
// alternative, a key for each node, would let a client with invented numbers
// cause a request for each of them, or delay those for new nodes.
//
// While Redis is away the known addresses stay valid. A node that is no longer
// in Redis is remembered for Life.
type Directory struct {
	cfg    DirectoryConfig
	client redis.UniversalClient // its own; commands end with their contexts
	node   uint32
	token  string // distinguishes this process from another one with the same number
	ask    chan struct{}
	stop   context.CancelFunc
	ended  chan struct{}
	since  time.Time

	mu        sync.Mutex // guards the fields below
	known     map[uint32]seen
	next      chan struct{} // closed when the next listing has ended
	waiting   int
	duplicate bool // another node has the same Addr
	stats     DirectoryStats
}

// seen is a node's address, and when Redis last had it.
type seen struct {
	addr string
	at   time.Time
}

// DirectoryStats are the counters of a [Directory] since it was made, and
// gauges.
type DirectoryStats struct {
	// Nodes is the number of other nodes that are known.
	Nodes int
	// Skipped counts invalid entries, which were removed from the list, and
	// live ones beyond 65,536, which can't be found.
	Skipped uint64
	// Requests counts listings, Failures those that Redis did not answer.
	Requests, Failures uint64
	// Taken counts how often another process had this node's number, so that
	// other nodes forward this node's requests to it. It can only happen if
	// Redis was away at the start.
	Taken uint64
	// Connected reports whether the last request has succeeded.
	Connected bool
}

// NewDirectory checks cfg, chooses a number for this node and announces it. It
// waits a second for Redis at most. If Redis does not answer, the node
// announces itself later. It opens a connection of its own with the options of
// client.
func NewDirectory(client redis.UniversalClient, cfg DirectoryConfig) (*Directory, error) {
	return newDirectory(client, cfg, randomNode)
}

func newDirectory(client redis.UniversalClient, cfg DirectoryConfig, choose func() uint32) (*Directory, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &Directory{
		cfg:    cfg,
		client: ownClient(client),
		node:   choose(),
		token:  cluster.NewUID(),
		ask:    make(chan struct{}, 1),
		stop:   stop,
		ended:  make(chan struct{}),
		since:  time.Now(),
		known:  make(map[uint32]seen),
		next:   make(chan struct{}),
		stats:  DirectoryStats{Connected: true},
	}
	first, cancel := context.WithTimeout(ctx, listingTime)
	defer cancel()
	for range 10 { // a number that is taken is rare
		if !d.list(first) {
			break
		}
		d.node = choose()
	}
	go d.run(ctx)
	return d, nil
}

func randomNode() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[1:]) // never fails
	return binary.BigEndian.Uint32(b[:])
}

// Node returns this node's number, which is less than 1<<24.
func (d *Directory) Node() uint32 { return d.node }

// Lookup returns the address of another node. If the node is not known it waits
// for the next listing, until ctx is done.
func (d *Directory) Lookup(ctx context.Context, node uint32) (addr string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.known[node]; ok {
		return s.addr, true
	}
	if !d.stats.Connected || d.waiting >= maxWaiting {
		return "", false
	}
	d.waiting++
	next := d.next
	d.mu.Unlock()
	wake(d.ask)
	select {
	case <-next:
	case <-ctx.Done():
	case <-d.ended:
	}
	d.mu.Lock()
	d.waiting--
	s, ok := d.known[node]
	return s.addr, ok
}

// Stats returns the counters of the directory.
func (d *Directory) Stats() DirectoryStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Nodes = len(d.known)
	return s
}

// Close removes this node from the list, if Redis answers within a second, and
// closes the connection. Call it after the server that uses it was closed. The
// error is [ErrAway] if Redis does not answer; then the entry expires after
// Life.
func (d *Directory) Close() error {
	d.stop()
	<-d.ended
	ctx, cancel := context.WithTimeout(context.Background(), listingTime)
	defer cancel()
	left := leaveScript.Run(ctx, d.client, []string{d.cfg.Key}, d.node, d.token).Err()
	return cmp.Or(unreached(left), d.client.Close())
}
