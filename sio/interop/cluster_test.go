package interop

import (
	"testing"

	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
	"github.com/sioserver/sioserver/sio/emitter"
)

// TestCluster plays each cell of the matrix: the adapter, the kinds of servers,
// the member that acts, and its call. Servers in Node.js alone show that the
// cells themselves are right.
func TestCluster(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			nodes, clients := newCluster(t), newDriver(t)
			pairs := [][2]string{{"go", "node"}, {"go", "go"}}
			if v.name == v.adapter { // all options at their defaults
				pairs = append(pairs, [2]string{"node", "node"})
			}
			for _, kinds := range pairs {
				t.Run(kinds[0]+" and "+kinds[1], func(t *testing.T) { playAll(t, v, kinds, nodes, clients) })
			}
		})
	}
}

// playAll plays all cells with two kinds of servers.
func playAll(t *testing.T, v variant, kinds [2]string, nodes, clients *driver) {
	tb := &table{t: t, nodes: nodes, clients: clients, adapter: v.adapter}
	defer tb.in(clients.t)
	tb.in(t)
	r := redistest.Start(t)
	title := v.name + " " + kinds[0] + kinds[1] + " "
	start := func(kind, name string, mute bool) member {
		if kind == "go" {
			return serveMember(t, title+name, mute, sio.Config{}, v.join(t, r).Adapter)
		}
		return nodes.serve(nodeOptions{Client: title + name, Adapter: v.adapter, Redis: r.URL(), Options: v.options, Mute: mute})
	}
	tb.a, tb.b, tb.c = start(kinds[0], "x", false), start(kinds[1], "y", false), start(kinds[1], "z", true)
	for _, at := range []member{tb.a, tb.b} {
		tb.seats = append(tb.seats, tb.sit(at, "1", nil), tb.sit(at, "2", nil), tb.sit(at, "3", map[string]any{"answer": nil}))
	}
	for _, s := range []*seat{tb.seats[0], tb.seats[3]} {
		tb.chats = append(tb.chats, tb.chat(s))
	}
	for _, m := range []member{tb.a, tb.b, tb.c} {
		tb.reach(m, target{}, tb.seats...)
		for _, s := range tb.seats {
			tb.reach(m, target{Rooms: []string{s.id}}, s)
		}
		tb.reachIn("/chat", m, target{}, tb.chats...)
	}
	// The calls that time out run beside the other cells.
	tb.actor = tb.a
	there := tb.halfAnswered()
	tb.swap()
	back := tb.halfAnswered()
	tb.swap()
	tb.fill(roomsOf("0"))
	tb.run("there", tb.play)
	tb.swap()
	tb.fill(roomsOf("1"))
	tb.run("back", tb.play)
	if v.emitter != nil {
		tb.actor = nodes.emitter(nodeOptions{Client: title + "emitter", Adapter: v.adapter, Redis: r.URL(), Options: v.emitter})
		tb.run("emitter in node", tb.emitter)
	}
	out, err := v.send(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	tb.actor = &goEmitter{title + "go emitter", emitter.New(out)}
	tb.run("emitter in go", tb.emitter)
	tb.run("to servers of which one answers", there)
	tb.run("and back", back)
}

// play plays all cells of a server that acts.
func (tb *table) play() {
	for _, cells := range []func(){tb.broadcasts, tb.acks, tb.fetches, tb.moves, tb.disconnects, tb.serverSides} {
		cells()
	}
}

// emitter plays all cells of an emitter.
func (tb *table) emitter() {
	for _, cells := range []func(){tb.broadcasts, tb.moves, tb.disconnects} {
		cells()
	}
	tb.run("to servers", func() { tb.note(tb.a, tb.b, tb.c) })
}
