package sio

import (
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sioserver/sioserver/codec/jsonenc"
)

// Data returns what SetData stored; nil at first.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return nil
	}
	return s.extra.data
}

// SetData stores a value of the application with the socket. Strings and byte
// slices, v itself or fields of a struct, count against
// [Config.MaxHandshakeBytes] as long as the socket is connected, but not once
// it has ended. What v refers to in other ways does not count. The error is
// [ErrDataSize] if there is no room, and then the value stored before stays.
// There always is room for 4 KiB of all that a connection keeps there.
func (s *Socket) SetData(v any) error {
	if !s.setData(v, false) {
		return ErrDataSize
	}
	return nil
}

// setData stores v. It reports false when there is no room, unless must is set.
func (s *Socket) setData(v any, must bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.extraLocked()
	if s.open() { // else the last letGo may have been
		more := dataSize(v) - dataSize(c.data)
		if !s.client.Keep(more, must) {
			return false
		}
		c.kept += more
	}
	c.data = v
	return true
}

// letGo stops counting what the socket keeps: it has ended.
func (s *Socket) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.extra; c != nil {
		s.client.Keep(-c.kept, true)
		c.kept = 0
	}
}

// The data of sockets is the application's, and so is the code that encodes it
// for other servers: a MarshalJSON may panic, block, or end its goroutine. It
// runs on a goroutine of its own, which is given up when it does not get on;
// then the one socket's data is left out, and all others are described.

// dataSize is what counts of a socket's data: strings and slices of bytes,
// which are most of what clients can make large. What may be shared or change
// is not looked at.
func dataSize(data any) int {
	switch v := data.(type) {
	case nil:
		return 0
	case string:
		return len(v)
	case json.RawMessage:
		return len(v)
	case []byte:
		return len(v)
	}
	return sizeOf(reflect.ValueOf(data))
}

func sizeOf(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Len()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += sizeOf(v.Field(i))
		}
	}
	return n
}

// dataPatience is how long the encoding of one socket's data may take. A socket
// whose data has taken longer is not tried again before that has ended.
const dataPatience = time.Second

var (
	errDataSlow  = errors.New("sio: the encoding of a socket's data takes too long: it is left out")
	errDataExits = errors.New("sio: the encoding of a socket's data has ended its goroutine: it is left out")
)

// noData stands for data that is nil or left out.
var noData = []byte("{}")

// dataJSON returns the data of sockets for other servers: an empty object for
// data that is nil, or that can't be encoded, which is reported.
func (srv *Server) dataJSON(sockets []*Socket) [][]byte {
	list := make([][]byte, len(sockets))
	for i := 0; i < len(sockets); {
		if b, ok := plainData(sockets[i].Data()); ok {
			list[i] = b
			i++
			continue
		}
		i = srv.encodeData(sockets, list, i)
	}
	return list
}

// plainData encodes data that has no methods of the application's.
func plainData(v any) (data []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return noData, true
	case json.RawMessage:
		if b, err := jsonenc.Append(nil, v); err == nil {
			return b, true
		}
	case string, bool, int, int64, float64:
		b, _ := jsonenc.Append(nil, v) // can't fail
		return b, true
	}
	return nil, false
}

// dataRun encodes the data of sockets from one on, on its own goroutine.
type dataRun struct {
	mu      sync.Mutex // guards what follows, and the list until givenUp is set
	at      int        // index of the socket whose data is being encoded
	givenUp bool
	ended   chan struct{}
}

// encodeData fills in list from index start on, and returns the index where to
// go on: after the last, or after data that does not get on.
func (srv *Server) encodeData(sockets []*Socket, list [][]byte, start int) (next int) {
	r := &dataRun{at: start, ended: make(chan struct{})}
	go r.run(srv, sockets, list)
	tick := time.NewTicker(dataPatience)
	defer tick.Stop()
	for seen := -1; ; {
		select {
		case <-r.ended:
			if r.at < len(sockets) {
				list[r.at] = noData
				// Apart, because hooks may block, too.
				go sockets[r.at].reportData(errDataExits)
			}
			return r.at + 1
		case <-tick.C:
			r.mu.Lock()
			stuck := r.at == seen && r.at < len(sockets)
			r.givenUp, seen = stuck, r.at
			r.mu.Unlock()
			if stuck {
				list[seen] = noData
				if e, ok := srv.encoding.Load(sockets[seen]); ok {
					e.(*encoding).late.Store(true)
				}
				go sockets[seen].reportData(errDataSlow)
				return seen + 1
			}
		}
	}
}

// run is the goroutine. It ends early when it was given up.
func (r *dataRun) run(srv *Server, sockets []*Socket, list [][]byte) {
	defer close(r.ended)
	for r.at < len(sockets) {
		data := srv.socketData(sockets[r.at])
		r.mu.Lock()
		if r.givenUp {
			r.mu.Unlock()
			return
		}
		list[r.at] = data
		r.at++
		r.mu.Unlock()
	}
}

// encoding is that of a socket's data in progress.
type encoding struct {
	done chan struct{} // closed at its end
	late atomic.Bool   // it has taken too long, and is waited for no more
}

// socketData encodes one socket's data; one goroutine at a time does. It may
// block.
func (srv *Server) socketData(s *Socket) []byte {
	own := &encoding{done: make(chan struct{})}
	for {
		e, busy := srv.encoding.LoadOrStore(s, own)
		if !busy {
			break
		}
		other := e.(*encoding)
		if other.late.Load() {
			s.reportData(errDataSlow)
			return noData
		}
		<-other.done
	}
	defer func() {
		srv.encoding.Delete(s)
		close(own.done)
	}()
	v := s.Data()
	if b, ok := plainData(v); ok {
		return b
	}
	data, err := jsonenc.Append(nil, v)
	if err != nil {
		s.reportData(err)
		return noData
	}
	return data
}

// reportData reports data that is left out.
func (s *Socket) reportData(err error) {
	var p *jsonenc.PanicError
	if errors.As(err, &p) {
		s.ns.srv.reportPanic(s, "", p.Value, p.Stack)
		return
	}
	s.ns.srv.reportError(s, "", err)
}

// withData calls f with the socket's data for other servers, perhaps later, on
// another goroutine: it is called on the socket's loop, which f, a hook, must
// not block. Shutdown waits for it.
func (s *Socket) withData(event string, f func(data []byte)) {
	srv := s.ns.srv
	if b, ok := plainData(s.Data()); ok {
		srv.protectOn(s.client.Loop(), event, func() { f(b) })
		return
	}
	// The namespace's adapter is needed until then.
	counted := s.ns.endsEmpty && s.ns.arrive()
	srv.persisting.Go(func() {
		if counted {
			defer s.ns.depart()
		}
		data := srv.dataJSON([]*Socket{s})[0]
		srv.protect(event, func() { f(data) })
	})
}
