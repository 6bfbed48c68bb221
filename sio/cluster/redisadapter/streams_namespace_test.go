package redisadapter_test

import (
	"errors"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestStreamsSessionOfAnotherNamespace: the sessions of all namespaces have
// keys of one form, but a client does not skip the middlewares of a namespace
// with the session of another.
func TestStreamsSessionOfAnotherNamespace(t *testing.T) {
	r := redistest.Start(t)
	nodes := []*node{startNode(t, r, &sio.Recovery{}, redisadapter.StreamsConfig{}), startNode(t, r, &sio.Recovery{}, redisadapter.StreamsConfig{})}
	asked := make(chan bool, 10)
	for _, n := range nodes {
		n.Of("/guarded").Use(func(s *sio.Socket) error {
			asked <- s.Recovered()
			return errors.New("not you")
		})
	}
	c := &client{t: t}
	if err := c.connect(nodes[0].Addr().String()); err != nil {
		t.Fatal(err)
	}
	for !c.welcome || c.offset == "" {
		if err := nodes[0].Emit("e", 1); err != nil {
			t.Fatal(err)
		}
		if err := c.read(); err != nil {
			t.Fatal(err)
		}
	}
	sid := c.sid
	lose := func() {
		c.conn.Close()
		wait.Until(t, "the session is kept", func() bool {
			n, err := r.Client.Exists(t.Context(), "sio:session:"+c.pid).Result()
			return err == nil && n == 1
		})
	}
	lose()

	other := &client{t: t, pid: c.pid, offset: c.offset, namespace: "/guarded"}
	if err := other.connect(nodes[1].Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer other.conn.Close()
	if recovered := wait.For(t, "the middleware", asked); recovered {
		t.Error("the session of another namespace is recovered")
	}

	if err := c.connect(nodes[1].Addr().String()); err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	for !c.welcome {
		if err := c.read(); err != nil {
			t.Fatal(err)
		}
	}
	if c.sid != sid {
		t.Error("the session is not recovered in its own namespace")
	}
}
