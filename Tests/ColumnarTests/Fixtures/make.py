"""Writes the Parquet and Arrow IPC files of this directory: python3 -m venv v && v/bin/pip install pyarrow==26.0.1 && v/bin/python make.py"""
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc, datetime as dt, decimal, os
out = os.path.dirname(os.path.abspath(__file__))
def w(name, cols, **kw):
    t=pa.table(cols); pq.write_table(t, f'{out}/{name}.parquet', **kw)
    # Also as IPC: a compressed file and, where it stays small, a plain stream.
    with ipc.new_file(f'{out}/{name}.arrow', t.schema, options=ipc.IpcWriteOptions(compression='zstd')) as f:
        f.write_table(t, max_chunksize=kw.get('row_group_size'))
    if t.nbytes < 1 << 16:
        with ipc.new_stream(f'{out}/{name}.arrows', t.schema) as f: f.write_table(t, max_chunksize=kw.get('row_group_size'))
w('sources', {
 'int8': pa.array([-128,None,127],pa.int8()),
 'int16': pa.array([-32768,None,32767],pa.int16()),
 'uint8': pa.array([0,None,255],pa.uint8()),
 'uint16': pa.array([0,None,65535],pa.uint16()),
 'uint32': pa.array([0,None,4294967295],pa.uint32()),
 'uint64': pa.array([0,None,9223372036854775807],pa.uint64()),
 'half': pa.array([1.5,None,-0.25],pa.float32()).cast(pa.float16()),
 'double': pa.array([0.1,None,float('nan')],pa.float64()),
 'large_text': pa.array(['é',None,''],pa.large_string()),
 'text_view': pa.array(['é',None,'a longer text than twelve'],pa.string_view()),
 'words': pa.array(['a',None,'b']).dictionary_encode(),
 'fixed_bytes': pa.array([b'ab',None,b'cd'],pa.binary(2)),
 'large_bytes': pa.array([b'ab',None,b''],pa.large_binary()),
 'seconds': pa.array([-1,None,1],pa.timestamp('s')),
 'millis_zoned': pa.array([-1,None,1],pa.timestamp('ms',tz='Europe/Berlin')),
 'nanos': pa.array([-1,None,1999],pa.timestamp('ns')),
 'date': pa.array([dt.date(1969,12,31),None,dt.date(2024,2,29)],pa.date32()),
 'date64': pa.array([dt.date(1969,12,31),None,dt.date(2024,2,29)],pa.date64()),
 'decimal': pa.array([decimal.Decimal('1.50'),None,decimal.Decimal('-0.01')],pa.decimal128(10,2)),
 'time': pa.array([dt.time(1,2,3),None,dt.time(0)],pa.time64('us')),
 'floats': pa.array([[1.5,2.0],None,[0.0,-1.0]],pa.list_(pa.float32())),
 'doubles': pa.array([[1.5,2.0],None,[0.0,-1.0]],pa.large_list(pa.float64())),
 'fixed_floats': pa.array([[1.5,2.0],None,[0.0,-1.0]],pa.list_(pa.float32(),2)),
 'small_ints': pa.array([[1],None,[]],pa.list_(pa.int16())),
 'texts': pa.array([['a',''],None,[]],pa.list_(pa.string())),
 'nothing': pa.nulls(3),
}, row_group_size=2)
w('refused', {
 'uint64': pa.array([1,9223372036854775808],pa.uint64()),
 'int64': pa.array([1,9007199254740993],pa.int64()),
 'double': pa.array([1.0,1e300]),
 'nul': pa.array(['a','b\0c']),
 'not_utf8': pa.array([b'a',b'\xff']).view(pa.string()),
 'long': pa.array(['a','x'*(1<<20)+'y']),
 'far': pa.array([0,1<<60],pa.timestamp('ms')),
 'floats': pa.array([[1.0,2.0],[1.0]],pa.list_(pa.float32())),
 'holes': pa.array([[1],[1,None]],pa.list_(pa.int64())),
 'struct': pa.array([{'a':1},{'a':2}]),
})
w('int96', {
 't': pa.array([253402214400000000,-14831769599999750,None],pa.timestamp('us')),
}, use_deprecated_int96_timestamps=True, store_schema=False)
