package jsontype

import (
	"errors"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type (
	closed   struct{ a int }
	embedded struct {
		sync.Mutex
		N int
	}
	hidden struct {
		A int `json:"-"`
		b int
	}
	tree struct {
		Name     string
		Children []*tree
		Any      any
	}
	badTree struct {
		Children map[string]*badTree
		Leaf     [2]closed
	}
)

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want string // in the error; "" for none
	}{
		{0, ""}, {struct{}{}, ""}, {hidden{b: 1}, ""}, {embedded{}, ""}, {tree{}, ""}, {time.Time{}, ""}, {make(chan int), ""},
		{[]any{closed{}}, ""}, // behind an interface
		{&big.Int{}, ""}, {[]big.Int{}, ""}, {map[string]*big.Int{}, ""}, {map[bool]int{}, ""}, {map[time.Time]int{}, ""},

		{closed{a: 1}, "jsontype.closed has no exported fields"}, {&closed{}, "jsontype.closed"}, {[]closed{}, "jsontype.closed"},
		{map[string]closed{}, "jsontype.closed"}, {struct{ A *closed }{}, "jsontype.closed"}, {badTree{}, "jsontype.closed"},
		{errors.New("x"), "errors.errorString"}, {&atomic.Int64{}, "atomic.Int64"}, {struct{ sync.Mutex }{}, "struct { sync.Mutex }"},
		{big.Int{}, "nothing of a big.Int would be sent, since only a *big.Int marshals itself"},
		{map[string]big.Int{}, "only a *big.Int"}, {struct{ N big.Int }{}, "only a *big.Int"},
		{map[closed]int{}, "map key jsontype.closed"}, {map[float64]int(nil), "map key float64"},
	} {
		err := Check(reflect.TypeOf(tc.v))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%T: %v, want %q", tc.v, err, tc.want)
		}
	}
}
