package invariants

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/sioserver/sioserver/loop/internal/goid"
)

// lockOrder is which classes of locks were taken while which others were held.
// Safe for concurrent use.
type lockOrder struct {
	mu      sync.Mutex
	held    map[string][]reflect.Type // by goroutine
	follows map[[2]reflect.Type]bool  // the second was taken while the first was held
}

func newLockOrder() *lockOrder {
	return &lockOrder{held: make(map[string][]reflect.Type), follows: make(map[[2]reflect.Type]bool)}
}

// before is called before a lock is taken.
func (o *lockOrder) before(class reflect.Type) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := goid.Current()
	for _, held := range o.held[id] {
		if held == class {
			continue
		}
		if o.leads(class, held, nil) {
			breach(fmt.Sprintf("the lock of %v is taken while that of %v is held; elsewhere it is the other way round", class, held))
		}
		o.follows[[2]reflect.Type{held, class}] = true
	}
	o.held[id] = append(o.held[id], class)
}

func (o *lockOrder) hold(class reflect.Type) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := goid.Current()
	o.held[id] = append(o.held[id], class)
}

// leads reports whether to was taken while from was held, or by way of others.
func (o *lockOrder) leads(from, to reflect.Type, seen []reflect.Type) bool {
	if o.follows[[2]reflect.Type{from, to}] {
		return true
	}
	for pair := range o.follows {
		if pair[0] == from && !slices.Contains(seen, pair[1]) && o.leads(pair[1], to, append(seen, from)) {
			return true
		}
	}
	return false
}

// after is called before a lock is given up.
func (o *lockOrder) after(class reflect.Type) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := goid.Current()
	list := o.held[id]
	if i := slices.Index(list, class); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(o.held, id)
	} else {
		o.held[id] = list
	}
}
