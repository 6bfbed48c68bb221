//go:build linux

package result

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// Writer appends records to a stream.
type Writer struct {
	w io.Writer
}

// NewWriter writes to w, one Write call a record.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Write appends one record.
func (w *Writer) Write(r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	_, err = w.w.Write(append(b, '\n'))
	return err
}

// Read reads all records of a stream. A last line that is cut off is ignored,
// since it is what a crash leaves.
func Read(r io.Reader) ([]Record, error) {
	var records []Record
	reader := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		var record Record
		if err := json.Unmarshal(line, &record); err != nil {
			return records, fmt.Errorf("line %d: %w", number, err)
		}
		records = append(records, record)
	}
}
