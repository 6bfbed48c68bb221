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
	// HTTP. It must be set, and differ from those of others.
	Addr string
	// Key is the hash that lists the nodes; "sioserver:nodes" when empty. All nodes
	// must have the same.
	Key string
	// Life is how long a node is listed that no longer says that it is there; 15 s
	// when 0. It says so three times in that time.
	Life time.Duration
	// Logger is told of lost and regained connections, and of another node with the same
	// Addr; slog.Default() when nil.
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
	maxKnown     = 1 << 16                // nodes that are remembered
	maxWaiting   = 256                    // lookups that may wait for the list
	listingPause = 50 * time.Millisecond  // between two requests for it
	listingTime  = time.Second            // that a part of one may take
	pageCount    = 256                    // entries in a part, about
	maxAddr      = 300                    // bytes of an address
	maxEntry     = 400                    // bytes of an entry: with a time and a token
	maxLife      = 24 * time.Hour         // of an entry
	maxNode      = 1 << 24                // what a node's number is below
	afterFailure = 500 * time.Millisecond // until the next request after one that has failed
)

// Directory tells the nodes of a cluster where the others are: it is an
// eio.Directory for sio.Config.Forwarding. Safe for concurrent use.
//
// All nodes are in one hash, and each request to Redis says that this node is
// there and returns all others, in parts of about 256. Entries that can't be a node's,
// because they are malformed, longer than 400 bytes or last for more than a day, are
// removed and counted. Of live ones 65,536 are remembered; others are counted.
//
// So a number that nobody has costs no request of its own: lookups of unknown nodes
// share one, there are at most twenty a second, and 256 lookups may wait; others are
// told at once that there is no such node.
// The alternative, a key a node, would let a client with made-up numbers either cause
// a request each or crowd out those for nodes that have just come.
//
// While Redis is away the last known addresses hold. A node that Redis has
// forgotten is remembered for Life.
type Directory struct {
	cfg    DirectoryConfig
	client redis.UniversalClient // its own; commands end with their contexts
	node   uint32
	token  string // tells this process from another with the same number
	ask    chan struct{}
	stop   context.CancelFunc
	ended  chan struct{}
	since  time.Time

	mu      sync.Mutex // guards what follows
	known   map[uint32]seen
	next    chan struct{} // closed when the next request has ended
	waiting int
	twin    bool // another process says that it is at Addr, too
	stats   DirectoryStats
}

// seen is a node's address, and when Redis last had it.
type seen struct {
	addr string
	at   time.Time
}

// DirectoryStats are figures of a [Directory].
type DirectoryStats struct {
	// Nodes is how many other nodes are known.
	Nodes int
	// Skipped is entries of the list that can't be a node's, and were removed from it, and
	// live ones beyond 65,536, which can't be found.
	Skipped uint64
	// Requests is how often Redis was asked for the list, Failures how often it did not answer.
	Requests, Failures uint64
	// Taken is how often another process was found to have this node's number: then
	// clients of this one don't reach it through others. It can only happen when Redis
	// was away at the start.
	Taken uint64
	// Connected is whether the last request has succeeded.
	Connected bool
}

// NewDirectory checks cfg, chooses a number for this node and announces it. It
// waits a second for Redis at most; when it does not answer, the node goes on
// alone and announces itself later. The options of client are used for a connection
// of its own.
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
		client: own(client),
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

// Node is this node's number, below 1<<24.
func (d *Directory) Node() uint32 { return d.node }

// Lookup gives the address of another node. When there is none it waits, until ctx
// is done, for what Redis has to say.
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

// Stats returns the directory's figures.
func (d *Directory) Stats() DirectoryStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Nodes = len(d.known)
	return s
}

// Close takes this node off the list, if Redis answers within a second, and ends
// everything. Call it after the server that uses it was closed. The error is [ErrAway]
// when Redis does not answer: it then forgets the node after Life.
func (d *Directory) Close() error {
	d.stop()
	<-d.ended
	ctx, cancel := context.WithTimeout(context.Background(), listingTime)
	defer cancel()
	left := leave.Run(ctx, d.client, []string{d.cfg.Key}, d.node, d.token).Err()
	return cmp.Or(unreached(left), d.client.Close())
}
