"""``python -m fairseq_l2rw`` prints the folder to give to ``--user-dir`` after a pip install."""

from pathlib import Path

if __name__ == "__main__":
    print(Path(__file__).resolve().parent)
