package adapter

import (
	"slices"
	"strconv"
	"sync"
	"testing"
)

func TestSelect(t *testing.T) {
	r := New[*peer](2)
	a, b, c := newPeer(t, r, 0, "a"), newPeer(t, r, 1, "b"), newPeer(t, r, 1, "c")
	waiting := reserve(t, r, 0, "waiting")
	r.Join(&a.member, "x", "y")
	r.Join(&b.member, "x")
	r.Join(&waiting.member, "x")
	for _, tc := range []struct {
		name   string
		target Target[*peer]
		want   []string
	}{
		{"all", Target[*peer]{All: true}, []string{"a", "b", "c"}},
		{"union once", rooms("x", "y"), []string{"a", "b"}},
		{"member and room", Target[*peer]{Rooms: []string{"y"}, Members: []*Member[*peer]{&c.member, &a.member}}, []string{"a", "c"}},
		{"except a room", Target[*peer]{All: true, Except: []string{"y", "nobody"}}, []string{"b", "c"}},
		{"except a member", Target[*peer]{All: true, ExceptMembers: []*Member[*peer]{&b.member}}, []string{"a", "c"}},
		{"not present", Target[*peer]{Members: []*Member[*peer]{&waiting.member}}, []string{}},
	} {
		wantNames(t, tc.name, r.Select(&tc.target), tc.want...)
	}
}

// TestObserveConcurrently checks the order of events while everything moves.
func TestObserveConcurrently(t *testing.T) {
	const members, rounds = 6, 200
	r := New[*peer](3)
	early := newPeer(t, r, 0, "early")
	r.Join(&early.member, "x")
	inside := map[string]map[string]bool{"x": {"early": true}, "early": {"early": true}}
	r.Observe(func(p *peer) string { return p.name }, func(e RoomEvent) {
		in := inside[e.Room]
		switch e.Kind {
		case RoomCreated:
			if in != nil {
				t.Errorf("%s was created twice", e.Room)
			}
			inside[e.Room] = map[string]bool{}
		case RoomJoined:
			if in == nil || in[e.Socket] {
				t.Errorf("%s joined %s, which is %v", e.Socket, e.Room, in)
			}
			in[e.Socket] = true
		case RoomLeft:
			if !in[e.Socket] {
				t.Errorf("%s left %s, which is %v", e.Socket, e.Room, in)
			}
			delete(in, e.Socket)
		case RoomDeleted:
			if in == nil || len(in) != 0 {
				t.Errorf("%s was deleted, which is %v", e.Room, in)
			}
			delete(inside, e.Room)
		}
	})
	var users sync.WaitGroup
	for u := range members {
		users.Go(func() {
			for n := range rounds {
				p := newPeer(t, r, u%3, strconv.Itoa(u)+"."+strconv.Itoa(n))
				r.Join(&p.member, "x", strconv.Itoa(n%3))
				r.Leave(&p.member, "x")
				if n%2 == 0 {
					leaveAll(r, &p.member)
				}
				r.Remove(&p.member)
			}
		})
	}
	users.Wait()
	r.Remove(&early.member)
	if len(inside) != 0 {
		t.Errorf("these rooms are left: %v", inside)
	}
}

func TestRoomEventKinds(t *testing.T) {
	var got []string
	for k := RoomCreated; k <= RoomDeleted; k++ {
		got = append(got, k.String())
	}
	if want := []string{"create-room", "join-room", "leave-room", "delete-room"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
