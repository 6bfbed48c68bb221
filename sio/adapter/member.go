package adapter

// Member is the entry of one socket in the [Rooms] of its namespace. The socket
// embeds it. The zero value with Owner set is ready for [Rooms.Reserve]. The
// lock of the member's loop guards the other fields.
type Member[M any] struct {
	// Owner is what broadcasts and listings return. Set once, before Reserve.
	Owner M

	span                   // from Add to Remove
	mark  uint64           // the last broadcast that marked this member
	rooms *[]membership[M] // nil while in no room
	slot  uint32
	loop  uint16
	state state
}

// Slot returns the member's index in its loop's list. It is fixed from Reserve
// to Remove, so an id may carry it, and [Rooms.Find] returns the member.
func (m *Member[M]) Slot() uint32 { return m.slot }

type state uint8

const (
	unknown  state = iota // not reserved yet
	reserved              // may join rooms; broadcasts don't reach it
	present
	removed // for good
)

// membership is the member's side of being in a room.
type membership[M any] struct {
	room *room[M]
	pos  uint32 // of the entry in room.entries
}

// entry is the room's side of being in a room.
type entry[M any] struct {
	m *Member[M]
	span
	at uint32 // index of the membership in m.rooms, or the serial of the tombstone
}

// span is the broadcasts that reach a membership: see the package comment.
type span struct{ joined, left uint64 }

// never is a number that no broadcast gets.
const never = ^uint64(0)

func (v *span) reachedBy(n uint64) bool { return v.joined < n && n <= v.left }

// live reports whether the membership holds now and broadcasts reach it.
func (v *span) live() bool { return v.joined != never && v.left == never }

// room is the members of a room that belong to one loop.
type room[M any] struct {
	name    string
	entries []entry[M]
	members int // entries that are not tombstones
}

func (m *Member[M]) memberships() []membership[M] {
	if m.rooms == nil {
		return nil
	}
	return *m.rooms
}

// find returns the index of m's membership in r, or -1. It searches the shorter
// side.
func (m *Member[M]) find(r *room[M]) int {
	list := m.memberships()
	if len(list) <= len(r.entries) {
		for i := range list {
			if list[i].room == r {
				return i
			}
		}
		return -1
	}
	for i := range r.entries {
		if e := &r.entries[i]; e.m == m && e.left == never {
			return int(e.at)
		}
	}
	return -1
}
