package adapter

import (
	"slices"
	"strconv"
	"sync"
	"testing"
)

// peer is a member for tests.
type peer struct {
	name   string
	member Member[*peer]
}

func newPeer(t testing.TB, r *Rooms[*peer], loop int, name string) *peer {
	t.Helper()
	p := reserve(t, r, loop, name)
	if !r.Add(&p.member) {
		t.Fatal("Add failed")
	}
	return p
}

func reserve(t testing.TB, r *Rooms[*peer], loop int, name string) *peer {
	t.Helper()
	p := &peer{name: name}
	p.member.Owner = p
	if !r.Reserve(&p.member, loop, nil) {
		t.Fatal("Reserve failed")
	}
	return p
}

func names(peers []*peer) []string {
	list := make([]string, 0, len(peers))
	for _, p := range peers {
		list = append(list, p.name)
	}
	slices.Sort(list)
	return list
}

func wantNames(t *testing.T, what string, got []*peer, want ...string) {
	t.Helper()
	if list := names(got); !slices.Equal(list, want) {
		t.Errorf("%s: got %q, want %q", what, list, want)
	}
}

// walk takes up to n members at a time until the cast is over.
func walk(c *Cast[*peer], n int) (reached []*peer) {
	buf := make([]*peer, 0, n)
	for batch := c.Next(buf); len(batch) > 0; batch = c.Next(buf) {
		reached = append(reached, batch...)
	}
	return reached
}

func rooms(names ...string) Target[*peer] { return Target[*peer]{Rooms: names} }

func TestMembership(t *testing.T) {
	r := New[*peer](2)
	a, b := newPeer(t, r, 0, "a"), newPeer(t, r, 1, "b")
	r.Join(&a.member, "x", "y", "x")
	r.Join(&b.member, "x")
	wantNames(t, "members of x", r.Members("x"), "a", "b")
	wantNames(t, "members of y", r.Members("y"), "a")
	wantNames(t, "all", r.All(), "a", "b")
	if n := r.Count("x"); n != 2 {
		t.Errorf("Count(x) = %d, want 2", n)
	}
	if got := r.RoomsOf(&a.member); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("rooms of a: %q", got)
	}
	r.Leave(&a.member, "x")
	r.Leave(&a.member, "x")
	r.Leave(&a.member, "never heard of")
	if r.In(&a.member, "x") || !r.In(&a.member, "y") {
		t.Error("a should be in y only")
	}
	if got := r.Remove(&b.member); !slices.Equal(got, []string{"x"}) {
		t.Errorf("Remove returned %q", got)
	}
	if r.Remove(&b.member) != nil || r.Join(&b.member, "x") || r.Add(&b.member) {
		t.Error("a removed member came back")
	}
	if r.Count("x") != 0 || r.Len() != 1 {
		t.Errorf("Count(x) = %d, Len = %d; want 0, 1", r.Count("x"), r.Len())
	}
	leaveAll(r, &a.member)
	if len(r.RoomsOf(&a.member)) != 0 || len(r.loops[0].rooms) != 0 {
		t.Error("a left its rooms, but some are not empty")
	}
}

func TestReservedIsUnreachable(t *testing.T) {
	r := New[*peer](1)
	p := reserve(t, r, 0, "p")
	r.Join(&p.member, "x")
	if owner, ok := r.Find(0, p.member.Slot()); !ok || owner != p {
		t.Error("a reserved member is not found")
	}
	var c Cast[*peer]
	before := rooms("x")
	if r.Take(0, &before, &c) {
		r.Add(&p.member)
		wantNames(t, "emitted before Add", walk(&c, 8))
		c.Done()
	}
	if !r.Take(0, &before, &c) {
		t.Fatal("nobody after Add")
	}
	wantNames(t, "emitted after Add", walk(&c, 8), "p")
	c.Done()
}

func TestFind(t *testing.T) {
	r := New[*peer](2)
	p := newPeer(t, r, 1, "p")
	if owner, ok := r.Find(1, p.member.Slot()); !ok || owner != p {
		t.Error("p is not found")
	}
	for _, at := range [][2]int{{0, 0}, {1, 1}, {2, 0}, {-1, 0}} {
		if _, ok := r.Find(at[0], uint32(at[1])); ok {
			t.Errorf("found something at %v", at)
		}
	}
	r.Remove(&p.member)
	if _, ok := r.Find(1, p.member.Slot()); ok {
		t.Error("a removed member is found")
	}
	q := newPeer(t, r, 1, "q")
	if q.member.Slot() != p.member.Slot() {
		t.Error("the free slot was not used again")
	}
}

func TestBroadcastReachesTheMembersAtEmit(t *testing.T) {
	r := New[*peer](1)
	a, b := newPeer(t, r, 0, "a"), newPeer(t, r, 0, "b")
	r.Join(&a.member, "x")
	target := rooms("x")
	var c Cast[*peer]
	if !r.Take(0, &target, &c) {
		t.Fatal("x is empty")
	}
	r.Join(&b.member, "x")
	r.Leave(&a.member, "x")
	if got := r.RoomsOf(&a.member); len(got) != 0 {
		t.Errorf("a is still in %q", got)
	}
	r.Join(&a.member, "x") // a second membership, too late for the broadcast
	wantNames(t, "reached", walk(&c, 1), "a")
	c.Done()
	wantNames(t, "members", r.Members("x"), "a", "b")
	if n := len(r.loops[0].rooms["x"].entries); n != 2 {
		t.Errorf("%d entries are left, want 2: the tombstone was not buried", n)
	}
}

func TestRemoveWhileBroadcastIsPending(t *testing.T) {
	r := New[*peer](1)
	a := newPeer(t, r, 0, "a")
	everybody := Target[*peer]{All: true}
	var c Cast[*peer]
	r.Take(0, &everybody, &c)
	r.Remove(&a.member)
	b := newPeer(t, r, 0, "b")
	if b.member.Slot() == a.member.Slot() {
		t.Error("the slot was reused while a broadcast needed it")
	}
	wantNames(t, "reached", walk(&c, 8), "a")
	c.Done()
	if p := newPeer(t, r, 0, "c"); p.member.Slot() != a.member.Slot() {
		t.Error("the slot was not given back")
	}
}

func TestUnionAndExcept(t *testing.T) {
	r := New[*peer](1)
	a, b, c, d := newPeer(t, r, 0, "a"), newPeer(t, r, 0, "b"), newPeer(t, r, 0, "c"), newPeer(t, r, 0, "d")
	r.Join(&a.member, "x", "y")
	r.Join(&b.member, "y", "mute")
	r.Join(&c.member, "x")
	for _, tc := range []struct {
		name   string
		target Target[*peer]
		want   []string
	}{
		{"S72 union once", rooms("x", "y"), []string{"a", "b", "c"}},
		{"unknown room too", rooms("x", "nobody"), []string{"a", "c"}},
		{"S74 except", Target[*peer]{Rooms: []string{"y"}, Except: []string{"mute"}}, []string{"a"}},
		{"all except", Target[*peer]{All: true, Except: []string{"x"}}, []string{"b", "d"}},
		{"all but one", Target[*peer]{All: true, ExceptMembers: []*Member[*peer]{&a.member}}, []string{"b", "c", "d"}},
		{"member", Target[*peer]{Members: []*Member[*peer]{&d.member}}, []string{"d"}},
		{"member and room", Target[*peer]{Rooms: []string{"x"}, Members: []*Member[*peer]{&a.member, &d.member, &d.member}}, []string{"a", "c", "d"}},
		{"S73 member but itself", Target[*peer]{Members: []*Member[*peer]{&d.member}, ExceptMembers: []*Member[*peer]{&d.member}}, nil},
	} {
		for size := 1; size < 6; size++ {
			var cast Cast[*peer]
			if !r.Take(0, &tc.target, &cast) {
				t.Fatalf("%s: nobody", tc.name)
			}
			wantNames(t, tc.name, walk(&cast, size), tc.want...)
			cast.Done()
		}
	}
	nobody := rooms("nobody")
	if r.Take(0, &nobody, new(Cast[*peer])) {
		t.Error("Take found members in an unknown room")
	}
}

// TestConcurrent runs everything at once for the race detector, with the loops
// as goroutines.
func TestConcurrent(t *testing.T) {
	const loops, members, rounds = 2, 8, 300
	r := New[*peer](loops)
	mailboxes := [loops]chan *Cast[*peer]{}
	var running, users sync.WaitGroup
	for i := range mailboxes {
		mailboxes[i] = make(chan *Cast[*peer], 16)
		running.Go(func() {
			for c := range mailboxes[i] {
				walk(c, 3)
				c.Done()
			}
		})
	}
	for u := range members {
		users.Go(func() {
			for n := range rounds {
				p := newPeer(t, r, u%loops, strconv.Itoa(u))
				r.Join(&p.member, "x", strconv.Itoa(n%5))
				target := Target[*peer]{All: n%3 == 0, Rooms: []string{"x", "1"}, Except: []string{"2"}}
				for i := range loops {
					if c := new(Cast[*peer]); r.Take(i, &target, c) {
						mailboxes[i] <- c
					}
				}
				r.Leave(&p.member, "x")
				r.Members("1")
				r.Remove(&p.member)
			}
		})
	}
	users.Wait()
	for i := range mailboxes {
		close(mailboxes[i])
	}
	running.Wait()
	if r.Len() != 0 || len(r.All()) != 0 {
		t.Error("somebody is left")
	}
	for i := range r.loops {
		s := &r.loops[i]
		if s.pending.Len() != 0 || s.tombs.Len() != 0 || len(s.rooms) != 0 || len(s.free) != len(s.list) {
			t.Errorf("loop %d: %d pending, %d tombs, %d rooms, %d of %d slots free",
				i, s.pending.Len(), s.tombs.Len(), len(s.rooms), len(s.free), len(s.list))
		}
	}
}

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := New[*peer](1)
	for i := range 100 {
		p := newPeer(t, r, 0, strconv.Itoa(i))
		r.Join(&p.member, "x", "y")
	}
	mover := newPeer(t, r, 0, "mover")
	r.Join(&mover.member, "x")
	target := Target[*peer]{Rooms: []string{"x", "y"}, Except: []string{"z"}, ExceptMembers: []*Member[*peer]{&mover.member}}
	var c Cast[*peer]
	var buf [16]*peer
	if n := testing.AllocsPerRun(100, func() {
		r.Take(0, &target, &c)
		r.Leave(&mover.member, "x")
		r.Join(&mover.member, "x")
		for batch := c.Next(buf[:0]); len(batch) > 0; batch = c.Next(buf[:0]) {
		}
		c.Done()
	}); n > 2 { // Join makes the list of a member that was in no room
		t.Errorf("a broadcast allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		r.Take(0, &target, &c)
		for batch := c.Next(buf[:0]); len(batch) > 0; batch = c.Next(buf[:0]) {
		}
		c.Done()
	}); n != 0 {
		t.Errorf("a broadcast without changes allocates %v times", n)
	}
}

// TestSizes lists many rooms, while some come and go: those that stay are all
// there, with what they have.
func TestSizes(t *testing.T) {
	const stay = 3 * listBatch
	r := New[*peer](2)
	for i := range stay {
		a, b := newPeer(t, r, 0, "a"), newPeer(t, r, 1, "b")
		r.Join(&a.member, strconv.Itoa(i))
		if i%2 == 0 {
			r.Join(&b.member, strconv.Itoa(i), "all")
		}
	}
	mover := newPeer(t, r, 0, "mover")
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			name := "x" + strconv.Itoa(n%100)
			r.Join(&mover.member, name)
			r.Leave(&mover.member, name)
		}
	})
	for range 20 {
		sizes := make(map[string]int)
		r.Sizes(sizes)
		if n := sizes["all"]; n != stay/2 {
			t.Errorf("all has %d members", n)
		}
		for i := range stay {
			if want := 2 - i%2; sizes[strconv.Itoa(i)] != want {
				t.Fatalf("room %d has %d members, want %d", i, sizes[strconv.Itoa(i)], want)
			}
		}
		for name, n := range sizes {
			if name[0] == 'x' && n != 1 {
				t.Errorf("%s has %d members", name, n)
			}
		}
	}
	close(stop)
	moving.Wait()
}

func BenchmarkSizes(b *testing.B) {
	r := New[*peer](1)
	for i := range 100_000 {
		r.Join(&newPeer(b, r, 0, "p").member, "room "+strconv.Itoa(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		r.Sizes(make(map[string]int))
	}
}

// TestClosedRooms: closed rooms take no members, and give all that they have.
func TestClosedRooms(t *testing.T) {
	r := New[*peer](2)
	newPeer(t, r, 0, "present")
	reserve(t, r, 1, "reserved")
	r.Remove(&newPeer(t, r, 1, "removed").member)
	wantNames(t, "closed with", r.Close(), "present", "reserved")
	late := &peer{name: "late"}
	late.member.Owner = late
	if r.Reserve(&late.member, 0, nil) {
		t.Error("closed rooms took a member")
	}
}

// leaveAll takes m out of all its rooms.
func leaveAll(r *Rooms[*peer], m *Member[*peer]) {
	for _, name := range r.RoomsOf(m) {
		r.Leave(m, name)
	}
}
