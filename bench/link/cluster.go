//go:build linux

package link

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest/slowlink"
)

const (
	megabyte = 1_000_000
	look     = 20 * time.Millisecond // between two looks at what has come
	meeting  = 15 * time.Second      // that servers have to find each other
	hello    = 250 * time.Millisecond
	patience = 12 * time.Second // without any arrival, after which nothing more is awaited
	plain    = "plain"          // a room that only watchers are in
)

// node is one server, its line to Redis, and a client of it that watches what
// arrives.
type node struct {
	*peer.Process
	line    *slowlink.Link
	control string
	watcher *client
	first   map[string]float64 // counters before the trial
}

// cluster is the servers of a trial and their Redis.
type cluster struct {
	ctx     context.Context
	redis   *peer.Process
	nodes   []*node
	clients []*client // all, also the watchers
	streams bool      // the adapter is one with streams, whose counter Lost counts outages
}

// startCluster starts n servers. The cluster must be stopped, also when there
// is an error.
func startCluster(ctx context.Context, p *peer.Peer, cores []int, n int, args []string) (c *cluster, err error) {
	c = &cluster{ctx: ctx}
	if c.redis, err = peer.StartRedis(cores); err != nil {
		return c, err
	}
	for range n {
		if err := c.add(p, cores, args); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *cluster) add(p *peer.Peer, cores []int, args []string) (err error) {
	n := &node{}
	c.nodes = append(c.nodes, n)
	if n.line, err = slowlink.New(c.redis.Addr.String(), 0); err != nil {
		return err
	}
	if n.Process, err = p.StartNode(cores, n.line.Addr, args...); err != nil {
		return err
	}
	if n.control, err = n.AskControl(); err != nil {
		return err
	}
	if n.watcher, err = c.dial(n, ""); err != nil {
		return err
	}
	return n.watcher.join(plain)
}

func (c *cluster) stop() {
	for _, one := range c.clients {
		one.leave()
	}
	for _, n := range c.nodes {
		if n.line != nil {
			n.line.Close()
		}
		if n.Process != nil {
			n.Stop()
		}
	}
	if c.redis != nil {
		c.redis.Stop()
	}
}

func (c *cluster) dial(n *node, auth string) (*client, error) {
	one, err := dial(c.ctx, n.Addr.String(), auth)
	if err == nil {
		c.clients = append(c.clients, one)
	}
	return one, err
}

// dialAll connects so many clients to a server, several at a time.
func (c *cluster) dialAll(n *node, count int, auth string) error {
	type result struct {
		client *client
		err    error
	}
	const atOnce = 64
	results, turns := make(chan result), make(chan struct{}, atOnce)
	go func() {
		for range count {
			turns <- struct{}{}
			go func() {
				one, err := dial(c.ctx, n.Addr.String(), auth)
				<-turns
				results <- result{one, err}
			}()
		}
	}()
	var failed error
	for range count {
		r := <-results
		if r.err != nil {
			failed = r.err
			continue
		}
		c.clients = append(c.clients, r.client)
	}
	return failed
}

// setSpeed limits the line of the first server, and those of the others.
func (c *cluster) setSpeed(first, others float64) {
	for i, n := range c.nodes {
		speed := others
		if i == 0 {
			speed = first
		}
		n.line.SetSpeed(int(speed * megabyte))
	}
}

// done is how a server has carried out an order: see bench/peers/README.md.
type done struct {
	Count, Missing, Refused int
	Error                   string
	Seconds                 float64
}

// order sends an order to the server's control and waits until it is carried
// out. The arguments are pairs of names and values.
func (c *cluster) order(n *node, verb string, args ...any) (d done, err error) {
	values := url.Values{}
	for i := 0; i < len(args); i += 2 {
		values.Set(args[i].(string), fmt.Sprint(args[i+1]))
	}
	request, err := http.NewRequestWithContext(c.ctx, http.MethodGet, "http://"+n.control+"/"+verb+"?"+values.Encode(), nil)
	if err != nil {
		return d, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return d, cmp.Or(n.Ended(), err)
	}
	defer answer.Body.Close()
	return d, json.NewDecoder(answer.Body).Decode(&d)
}

// meet waits until what each server emits, to all and to the watchers' room,
// reaches the watcher of each.
func (c *cluster) meet() error {
	for end := time.Now().Add(meeting); time.Now().Before(end); {
		for i, n := range c.nodes {
			for _, room := range []string{"", plain} {
				if _, err := c.order(n, "emit", "room", room, "stream", fmt.Sprint("hello ", room, i), "count", 1); err != nil {
					return err
				}
			}
		}
		for begin := time.Now(); time.Since(begin) < hello; time.Sleep(look) {
			if c.met() {
				return nil
			}
		}
	}
	return errors.New("the servers have not joined")
}

func (c *cluster) met() bool {
	for _, to := range c.nodes {
		for i := range c.nodes {
			if len(to.watcher.got(fmt.Sprint("hello ", i))) == 0 || len(to.watcher.got(fmt.Sprint("hello ", plain, i))) == 0 {
				return false
			}
		}
	}
	return true
}

// count reads the counters that the trial begins with.
func (c *cluster) count() error {
	for _, n := range c.nodes {
		stats, err := n.AskStats()
		if err != nil {
			return err
		}
		n.first = stats.Counters
		_, c.streams = n.first["Cluster.Channels.Published"]
	}
	return nil
}

// counters returns by how much each counter of a server has moved since the
// trial began; none if the server does not answer or the trial has not begun.
func (n *node) counters() map[string]float64 {
	moved := map[string]float64{}
	if n.first == nil {
		return moved
	}
	if stats, err := n.AskStats(); err == nil {
		for name, value := range stats.Counters {
			if by := value - n.first[name]; by != 0 {
				moved[name] = by
			}
		}
	}
	return moved
}

// counted is how many messages the servers have counted as lost. told reports
// whether more may be lost: a server was not connected to Redis, whose channels
// keep nothing, or has missed a part of a stream.
func (c *cluster) counted(moved map[string]float64) (count int, told bool) {
	for name, by := range moved {
		rest, ok := strings.CutPrefix(name, "Cluster.")
		if !ok {
			continue
		}
		switch last := rest[strings.LastIndexByte(rest, '.')+1:]; {
		case strings.HasSuffix(rest, "Nodes.Lost"): // is among what the adapter counts itself
		case rest == "Lost" && c.streams: // outages, after which streams go on where they were
		case last == "Disconnects":
			told = told || !c.streams
		case last == "Gaps":
			told = true
		case last == "Lost", last == "Dropped", last == "Missed":
			count += int(by)
		}
	}
	return count, told
}

// peak is the largest resident set that any server had, in bytes.
func (c *cluster) peak() (peak int64) {
	for _, n := range c.nodes {
		if n.Process == nil {
			continue
		}
		if rss, err := measure.PeakRSS(n.PID()); err == nil {
			peak = max(peak, rss)
		}
	}
	return peak
}
