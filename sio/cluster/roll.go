package cluster

// roll is who is to answer a request, and who has. With a [Counter] it is only
// known how many are to, by their heartbeats it is known who. Guarded by the lock
// of its request.
type roll struct {
	expected int                 // how many nodes are to answer; -1 as long as that is not known
	missing  map[string]struct{} // those of them that have not; nil with a Counter
	heard    map[string]struct{} // the UIDs of those that have
	begun    map[string]struct{} // the UIDs of those whose answers have come in part
	unnamed  int                 // answers without one
}

// calledBy is the roll of the nodes with these UIDs.
func calledBy(uids map[string]struct{}) roll { return roll{expected: len(uids), missing: uids} }

// wants reports whether an answer of uid is a new node's. A node that was not
// known may answer too, but in nobody's place.
func (r *roll) wants(uid string) bool {
	if _, again := r.heard[uid]; again {
		return false
	}
	_, begun := r.begun[uid]
	switch {
	case r.expected < 0, begun:
		return true
	case r.missing == nil:
		return r.received()+len(r.begun) < r.expected
	case uid == "":
		return r.unnamed < len(r.missing)
	}
	return true
}

// begin notes that the answer of a node has come in part; quit, that it has not.
func (r *roll) begin(uid string) {
	if r.begun == nil {
		r.begun = make(map[string]struct{})
	}
	r.begun[uid] = struct{}{}
}

func (r *roll) quit(uid string) { delete(r.begun, uid) }

// add notes an answer that is wanted. It reports whether it was expected.
func (r *roll) add(uid string) (expected bool) {
	if uid == "" {
		r.unnamed++
		return r.expected >= 0
	}
	if r.heard == nil {
		r.heard = make(map[string]struct{})
	}
	r.heard[uid] = struct{}{}
	if r.missing == nil {
		return r.expected >= 0
	}
	_, expected = r.missing[uid]
	delete(r.missing, uid)
	if !expected {
		r.expected++
	}
	return expected
}

// remove notes that a node will not answer any more. It reports whether it was expected to.
func (r *roll) remove(uid string) bool {
	if _, expected := r.missing[uid]; !expected {
		return false
	}
	delete(r.missing, uid)
	r.expected--
	return true
}

func (r *roll) received() int { return len(r.heard) + r.unnamed }

// left is how many nodes have yet to answer, as far as that is known.
func (r *roll) left() int { return max(r.expected-r.received(), 0) }

// complete reports whether all have answered.
func (r *roll) complete() bool { return r.expected >= 0 && r.left() == 0 }
