package redisadapter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/dice"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// redisCluster is two masters.
type redisCluster struct {
	nodes [2]*redistest.Server
	ids   [2]string
}

func startCluster(t testing.TB) *redisCluster {
	t.Helper()
	var c redisCluster
	var port [2]string
	for i := range c.nodes {
		port[i] = freePort(t)
		c.nodes[i] = redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", port[i], "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
		if err := c.nodes[i].Client.ClusterAddSlotsRange(t.Context(), 8192*i, 8192*i+8191).Err(); err != nil {
			t.Fatal(err)
		}
		c.ids[i] = c.nodes[i].Client.ClusterMyID(t.Context()).Val()
	}
	host, client, _ := net.SplitHostPort(c.nodes[1].Addr)
	if err := c.nodes[0].Client.Do(t.Context(), "CLUSTER", "MEET", host, client, port[1]).Err(); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		wait.Until(t, "a cluster", func() bool {
			shards, err := n.Client.ClusterShards(t.Context()).Result()
			return err == nil && len(shards) == 2 && len(shards[0].Slots) > 0 && len(shards[1].Slots) > 0
		})
	}
	return &c
}

// freePort is below those of outgoing connections.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + rand.IntN(10_000))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

func (c *redisCluster) client(t testing.TB) *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.nodes[0].Addr, c.nodes[1].Addr}})
	t.Cleanup(func() { client.Close() })
	return client
}

// TestSlot compares with Redis.
func TestSlot(t *testing.T) {
	r := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	for _, key := range []string{"", "a", "socket.io#/#room#", "a{b}c", "a{}c{d}", "{", "}{x", "{x}y{z}", "é"} {
		want, err := r.Client.ClusterKeySlot(t.Context(), key).Result()
		if err != nil || int64(slot(key)) != want {
			t.Errorf("%q: %d, want %d, %v", key, slot(key), want, err)
		}
	}
}

// TestChannelsCluster uses channels of both nodes of a Redis Cluster, of which
// one is killed and started again.
func TestChannelsCluster(t *testing.T) {
	for _, sharded := range []bool{false, true} {
		t.Run(fmt.Sprint("sharded ", sharded), func(t *testing.T) {
			rc := startCluster(t)
			a, b := testChannels(t, rc.client(t), sharded), testChannels(t, rc.client(t), sharded)
			var names []string
			for i := range 100 {
				names = append(names, fmt.Sprint("channel", i))
			}
			a.listen(t, names...)
			b.listen(t, names[0], names[1])
			for i, name := range names[:4] {
				want := 1
				if i < 2 {
					want = 2
				}
				if n, err := a.count(t.Context(), name); n != want || err != nil {
					t.Errorf("%d at %s, %v", n, name, err)
				}
			}
			all := func() {
				t.Helper()
				want := make(map[string]bool)
				for _, name := range names {
					b.send(t, name, "x")
					want[name+" x"] = true
				}
				for len(want) > 0 {
					got := wait.For(t, "a message", a.came)
					delete(want, got)
				}
			}
			all()
			if s := b.stats(); s.lost != 0 || s.disconnects != 0 {
				t.Errorf("%+v", s)
			}
			victim := rc.nodes[1]
			victim.Kill()
			if sharded {
				wait.Until(t, "the loss is noticed", func() bool { return a.stats().disconnects == 1 })
			}
			for range 20 { // some have no way
				for _, name := range names {
					_ = b.publish(name, []byte("x"))
				}
				time.Sleep(time.Millisecond)
			}
			victim.Start()
			for _, x := range []*tested{a, b} {
				wait.Until(t, "back", func() bool { return x.stats().connected && x.stats().queued == 0 })
				if lost, back := x.log.count("are lost"), x.log.count("is back"); lost != back || lost > 2 {
					t.Errorf("logged: lost %d times, back %d times", lost, back)
				}
			}
			// On a busy machine a connection may break once more, which loses
			// messages. So rounds are sent until all messages of one arrive.
			wait.Until(t, "all messages of a round arrive", func() bool {
				for len(a.came) > 0 {
					<-a.came
				}
				want := make(map[string]bool)
				for _, name := range names {
					want[name+" y"] = true
					_ = b.publish(name, []byte("y"))
				}
				for round := time.After(5 * time.Second); len(want) > 0; {
					select {
					case got := <-a.came:
						delete(want, got)
					case <-round:
						return false
					}
				}
				return true
			})
		})
	}
}

// TestChannelsMoved moves the slot of a channel to the other node.
func TestChannelsMoved(t *testing.T) {
	rc := startCluster(t)
	a, b := testChannels(t, rc.client(t), true), testChannels(t, rc.client(t), true)
	a.listen(t, "x", "y")
	b.send(t, "x", "1")
	a.wants(t, "x 1")
	from := int(slot("x") / 8192)
	for _, i := range []int{1 - from, from} {
		if err := rc.nodes[i].Client.Do(t.Context(), "CLUSTER", "SETSLOT", slot("x"), "NODE", rc.ids[1-from]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	wait.Until(t, "moved", func() bool {
		list, err := rc.nodes[1-from].Client.PubSubShardChannels(t.Context(), "x").Result()
		return err == nil && slices.Equal(list, []string{"x"})
	})
	wait.Until(t, "connected", func() bool { return a.stats().connected })
	b.send(t, "x", "2") // goes where the channel was, and is sent on
	a.wants(t, "x 2")
	if s := b.stats(); s.lost != 0 {
		t.Errorf("%+v", s)
	}
}

// TestChannelsHomeless makes and drops rooms while there is no cluster: they
// are not kept.
func TestChannelsHomeless(t *testing.T) {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	defer client.Close()
	a := testChannels(t, client, true)
	a.subscribe(&a.receiver, "kept")
	for i := range 100 {
		name := fmt.Sprint("room ", i)
		a.subscribe(&a.receiver, name)
		a.unsubscribe(&a.receiver, name)
	}
	wait.Until(t, "only what is wanted is kept", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.topics) == 1 && len(a.unplaced) == 1
	})
}

// TestChannelsSilentShard has a node of a cluster that does not answer: it
// delays one batch, and messages for it are not sent until it answers again.
func TestChannelsSilentShard(t *testing.T) {
	rc := startCluster(t)
	a := testChannels(t, rc.client(t), true)
	var well, silent publication
	for i := 0; well.channel == "" || silent.channel == ""; i++ {
		name := fmt.Sprint("channel", i)
		if slot(name) < 8192 {
			well.channel = name
		} else {
			silent.channel = name
		}
	}
	send := func(list ...publication) (sent int, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), answerTime)
		defer cancel()
		return a.sendToShards(ctx, list)
	}
	wait.Until(t, "both nodes take messages", func() bool {
		sent, _ := send(well, silent)
		return sent == 2
	})
	rc.nodes[1].Pause()
	defer rc.nodes[1].Resume()
	wait.Until(t, "the silence is noticed", func() bool {
		_, err := send(silent)
		return isTimeout(err)
	})
	if sent, err := send(silent); sent != 0 || err != nil { // an attempt would end with a timeout
		t.Errorf("to the silent node: %d sent, %v", sent, err)
	}
	if sent, err := send(well, silent); sent != 1 || err != nil {
		t.Errorf("to both nodes: %d sent, %v", sent, err)
	}
	rc.nodes[1].Resume()
	wait.Until(t, "the node takes messages again", func() bool {
		sent, _ := send(well, silent)
		return sent == 2
	})
	wait.Until(t, "the log has the silence and its end", func() bool {
		began, ended := a.log.count("does not answer are not sent"), a.log.count("are sent again")
		return began > 0 && began == ended
	})
}

// TestChannelsUnwanted drops all channels of a node before its link has begun,
// at the latest moment and at random ones: what is still wanted is subscribed
// to, and that is the state.
func TestChannelsUnwanted(t *testing.T) {
	rc := startCluster(t)
	client := rc.client(t)
	var kept, dropped string
	for i := 0; kept == "" || dropped == ""; i++ {
		name := fmt.Sprint("channel", i)
		if slot(name) < 8192 {
			kept = name
		} else {
			dropped = name
		}
	}
	d := dice.New(t)
	for range 40 {
		a := testChannels(t, client, true)
		a.listen(t, kept)
		node, err := a.traffic.(*redis.ClusterClient).MasterForKey(t.Context(), dropped)
		if err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		a.linkTo(node)
		a.mu.Unlock()
		wait.Until(t, "connected", func() bool { return a.stats().connected })
		for range d.Int(4) {
			a.subscribe(&a.receiver, dropped)
			time.Sleep(d.Duration(time.Millisecond))
			a.unsubscribe(&a.receiver, dropped)
		}
		wait.Until(t, "one channel, connected", func() bool {
			s := a.stats()
			return s.connected && s.topics == 1
		})
		a.close()
	}
}
