package sio

import (
	"iter"
	"sync"
)

// registry is the namespaces that exist, by name. Looking one up takes no lock,
// and adding or removing one costs the same however many there are. Safe for
// concurrent use.
type registry struct {
	byName sync.Map // of *Namespace by string
}

// find returns the namespace called name, or nil; it may have ended.
func (r *registry) find(name string) *Namespace {
	if ns, ok := r.byName.Load(name); ok {
		return ns.(*Namespace)
	}
	return nil
}

// add adds ns unless a namespace of its name exists, which it returns then.
func (r *registry) add(ns *Namespace) (have *Namespace) {
	for {
		v, loaded := r.byName.LoadOrStore(ns.name, ns)
		if !loaded {
			return nil
		}
		if have = v.(*Namespace); !have.dead() {
			return have
		}
		r.remove(have) // its end is about to do the same
	}
}

// remove removes ns, but not another one of its name.
func (r *registry) remove(ns *Namespace) { r.byName.CompareAndDelete(ns.name, ns) }

// all returns the namespaces that exist, in no order. One that is made or ends
// meanwhile may be missing.
func (r *registry) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		r.byName.Range(func(_, v any) bool {
			ns := v.(*Namespace)
			return ns.dead() || yield(ns)
		})
	}
}

// children is the set of a parent's children. Safe for concurrent use.
type children struct{ set sync.Map } // of *Namespace, as keys

func (c *children) add(ns *Namespace) { c.set.Store(ns, nil) }

func (c *children) remove(ns *Namespace) { c.set.Delete(ns) }

// all returns the children, in no order. One that is made or ends meanwhile may
// be missing.
func (c *children) all() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		c.set.Range(func(k, _ any) bool { return yield(k.(*Namespace)) })
	}
}
